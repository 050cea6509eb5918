"""The engine `replay`: outputs that another program recorded."""
