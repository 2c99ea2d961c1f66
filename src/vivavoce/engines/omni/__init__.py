"""transformers: Qwen2.5-Omni and Qwen3-Omni, which hear, think and speak in one."""
