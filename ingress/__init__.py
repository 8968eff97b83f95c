"""The REST door: requests in, commands to the matcher, answers out."""
