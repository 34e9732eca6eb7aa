"""The stages of the flow: pure decisions, each told its inputs and the time, none with clock, dice, disk or network.

A stage holds a State and two functions: `decide(state, …, now) -> events` and `evolve(state, event) -> state`. The
large arrays inside a state are handed on, not copied: whoever passes a state to `evolve` uses only what comes back.
"""
