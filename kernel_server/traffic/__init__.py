"""Which version answers a request that names none, and which one is asked the same in the shadow."""
