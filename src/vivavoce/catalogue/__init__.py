"""Where weights come from and where they live."""
