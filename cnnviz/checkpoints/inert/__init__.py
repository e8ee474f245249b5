"""Reads files of weights without executing anything in them, and answers with a plan of what is where in them.

The package stands alone: standard library only, relative imports only. A child process with a memory and a time limit
imports it as the top-level package ``inert`` and sends the plan back as JSON; nothing here ever needs torch or numpy.
"""
