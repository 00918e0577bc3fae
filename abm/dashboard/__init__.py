"""The pages that show results in a browser, from the tables alone."""
