"""Announces changes to subscribed URLs."""
