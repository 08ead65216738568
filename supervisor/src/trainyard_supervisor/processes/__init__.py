"""The program's processes: started, found, signalled and waited for."""
