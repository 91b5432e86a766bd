def cleanup_dist_env_and_memory() -> None:
    """Nothing is held."""
