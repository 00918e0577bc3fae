"""One run: the world, its phases, its invariants, and the Mesa model."""

# First, and from here: Mesa's loggers read the source of every module on the way to them, which
# takes a quarter of a second where that way is long.
import mesa  # noqa: F401
