"""The processes that `trunkline up` starts and looks after."""
