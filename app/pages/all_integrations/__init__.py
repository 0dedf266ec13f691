"""All connections of the company, with their health."""
