"""Telegram, spoken directly: the methods needed are few and a client library costs 25 MB and more."""
