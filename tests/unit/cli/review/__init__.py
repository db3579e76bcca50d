"""What a person is shown before an answer."""
