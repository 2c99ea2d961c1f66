"""Who may call, how much, and at what price: rules over the store. It knows nothing of HTTP."""
