"""Push edge: messages (pure), preferences, FCM sender, console sender."""
