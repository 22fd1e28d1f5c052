"""What a catalogue must say before it may be imported, and which of its rules are about to lapse."""
