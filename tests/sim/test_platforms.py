from __future__ import annotations

import numpy as np

from sim.transit.platforms import Platform


def test_riders_board_in_order_of_coming_and_those_left_behind_wait() -> None:
    platform = Platform()
    platform.announce(np.array([5, 1, 9]), np.array([30, 10, 500]))
    platform.announce(np.array([7, 2]), np.array([20, 10]))
    assert platform.board(100, 3).tolist() == [1, 2, 7]
    assert (platform.arrived, platform.boarded, platform.waiting) == (4, 3, 1)
    assert platform.board(400, 3).tolist() == [5]
    platform.announce(np.array([4]), np.array([450]))
    assert platform.board(600, 3).tolist() == [4, 9]
    assert (platform.arrived, platform.boarded, platform.waiting) == (6, 6, 0)


def test_a_full_vehicle_takes_nobody() -> None:
    platform = Platform()
    platform.announce(np.array([1]), np.array([10]))
    assert platform.board(100, 0).tolist() == []
    assert platform.waiting == 1
