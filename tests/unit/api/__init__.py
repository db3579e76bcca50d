"""Tests of modelward.api."""
