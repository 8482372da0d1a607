"""Narrow tasks whose answers can be checked, made by rule: what the demonstration of the loop learns and is measured on."""
