/// The bounds of circuits. Defaults are what a node starts with; settings may change the variables, not the constants.
package struct RelayLimits: Equatable, Sendable {
    /// The longest path, in relays.
    package static let relaysMax = 8
    /// The origin's first depth is drawn from 0 up to this, so that a depth of 15 is never passed.
    package static let startDepthMax = 8
    /// Cells that either side of a fresh circuit may send before it was granted any.
    package static let initialCredit = 64
    /// The last cells of a credit are for control only.
    package static let controlReserve = 16
    /// A layer seals or opens at most this many cells in a direction; then the circuit ends.
    package static let layerCellsMax: UInt64 = 1 << 32
    /// Fragments of one control message.
    package static let fragmentsMax = 16
    /// The signed record in an `extend` or `connect`.
    package static let recordBytesMax = 8192
    /// The most that a window may be set to, in cells.
    package static let windowMax = 4096

    /// Cells in flight per direction and neighbour; what a hop's memory for a circuit follows from.
    /// 512 cells = 1 MiB: 100 Mbit/s at 80 ms. Between ``initialCredit`` and ``windowMax``.
    package var windowCells = 512
    /// Circuits that one neighbour may have through us or to us.
    package var circuitsPerPeer = 1024
    /// Circuits through or to this worker in all.
    package var circuitsTotal = 8192
    /// Bytes that all windows granted by this worker may add up to.
    package var windowBytesTotal = 2 << 30
    /// Circuits that one neighbour may begin in ``buildInterval``.
    package var buildsPerInterval = 200
    /// See ``buildsPerInterval``.
    package var buildInterval: Duration = .seconds(10)
    /// How often one circuit may have a hop reach for a next node.
    package var extendsPerCircuit = 4
    /// Time for an origin to build a whole circuit, up to where the destination's handshake begins.
    package var buildTime: Duration = .seconds(15)
    /// Time that a relay or destination gives each hop behind or before it; more than any honest origin takes.
    package var buildTimePerHop: Duration = .seconds(20)
    /// A circuit without a cell for so long ends.
    package var idleTime: Duration = .seconds(600)
    /// A circuit older than this ends.
    package var lifetime: Duration = .seconds(86_400)

    /// The defaults.
    package init() {}

    /// The longest time that a relay waits for the rest of a circuit to be built behind it.
    var longestBuild: Duration { buildTimePerHop * (RelayLimits.relaysMax + 1) }

    /// What a hop adds to ``initialCredit`` once it is in.
    var firstGrant: Int { max(0, min(windowCells, RelayLimits.windowMax) - RelayLimits.initialCredit) }
}
