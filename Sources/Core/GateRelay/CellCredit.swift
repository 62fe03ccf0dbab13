/// What the receiver of our cells on one session allows us: cells still to be sent.
struct CellCredit {
    private(set) var available = RelayLimits.initialCredit

    /// What data may use: the reserve stays for control.
    var forData: Int { max(0, available - RelayLimits.controlReserve) }

    /// Takes `count`; `false`, and takes nothing, where not even the reserve suffices.
    mutating func spend(_ count: Int) -> Bool {
        guard count <= available else { return false }
        available -= count
        return true
    }

    /// The receiver allows more; `false` where the sum is beyond anything it may grant.
    mutating func allowed(_ count: UInt32) -> Bool {
        guard count <= RelayLimits.windowMax, available + Int(count) <= RelayLimits.windowMax else { return false }
        available += Int(count)
        return true
    }
}

/// What we allow the sender of cells on one session: each cell that came and is gone again is granted anew.
struct CellGrant {
    private(set) var outstanding = RelayLimits.initialCredit
    private var returnable = 0
    private var window = RelayLimits.initialCredit
    /// Whether nothing is granted again for now: what came can't be worked off yet.
    var isPaused = false

    /// Counts cells that came; `false` where they exceed what we granted.
    mutating func arrived(_ count: Int) -> Bool {
        guard count <= outstanding else { return false }
        outstanding -= count
        return true
    }

    /// Counts cells that were forwarded, or parsed where they end here.
    mutating func released(_ count: Int) { returnable += count }

    /// Grants `count` more than the window so far; `nil` for 0.
    mutating func widen(by count: Int) -> UInt32? {
        guard count > 0 else { return nil }
        outstanding += count
        window += count
        return UInt32(truncatingIfNeeded: count)
    }

    /// What is due to be granted again: nothing until a quarter of the window is, so that credit costs one message for
    /// many cells.
    mutating func due() -> UInt32? {
        guard !isPaused, returnable >= window / 4 else { return nil }
        defer { returnable = 0 }
        outstanding += returnable
        return UInt32(truncatingIfNeeded: returnable)
    }
}
