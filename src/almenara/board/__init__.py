"""The board: what is going on, ready to be shown. Events and the state go in, JSON comes out; no clock, no disk."""

from almenara.board.feeds import ChannelFacts, FeedFacts
from almenara.board.keeper import Keeper
from almenara.board.picture import Board, Change, Item

__all__ = ["Board", "Change", "ChannelFacts", "FeedFacts", "Item", "Keeper"]
