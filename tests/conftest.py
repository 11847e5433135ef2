"""What all tests share."""

import hypothesis

# A busy machine makes a slow example, not a fault.
hypothesis.settings.register_profile("default-without-deadline", deadline=None)
hypothesis.settings.load_profile("default-without-deadline")
