"""What every service stands on: settings, time, ids, data access, secrets, outbound calls, logs and errors."""
