"""One thin function a job: ids in, a service does the work."""
