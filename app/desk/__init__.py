"""The desk: what one does to a connection, in dialogs that every page with connections shares."""
