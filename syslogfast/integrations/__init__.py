"""Other loggers that programs use, by an emitter. No module here imports the logger it is for."""
