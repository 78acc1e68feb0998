"""City Goals on one machine, and its command line."""
