"""The closed loop: phases with guards and artefacts, stopping, failures that become seeds, a person at the gate.

`run_cycles` turns the wheel, in the foreground or as the job kind "cycle"; what screens ask is in `views`.
"""
