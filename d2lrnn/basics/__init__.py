"""What every room stands on; it knows neither models nor texts."""
