"""What `evaluate` does: `measuring` its runs and tables, `drawn` its chests of no hospital."""
