"""One package for each kind of machine that compiled programs can run on."""
