"""An MLflow tracking server on the loopback of a session's pod, which no outage stops or slows.

What a program writes is on the volume before it is answered, and sent to the gateway from there.
What it reads of the runs of its session is answered from here; everything else the gateway answers.
"""
