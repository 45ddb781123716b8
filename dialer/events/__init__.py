"""What others hear of us: the journal over MQTT, figures for Prometheus. It decides
nothing, and never touches a call."""
