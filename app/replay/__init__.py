"""`./coudmain replay`: recorded demand, lived again; files in, a report out."""
