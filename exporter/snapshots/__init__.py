"""Facts and people to what is published at one moment: as lines of the exposition, and person by person for the API."""
