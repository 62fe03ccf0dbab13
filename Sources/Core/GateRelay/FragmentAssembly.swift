import NIOCore

/// Puts one control message together from its fragments; at most one is under way in each direction of a layer.
struct FragmentAssembly {
    enum Outcome: Equatable {
        case incomplete
        case complete(CircuitCommand, ByteBuffer)
        /// Another command, or a count that does not go down by one.
        case violation
    }

    private var command: CircuitCommand?
    private var remaining = 0
    private var bytes = ByteBuffer()

    /// Takes the next fragment, copying its bytes.
    mutating func received(_ payload: CellPayload, region: UnsafeRawBufferPointer) -> Outcome {
        if let command {
            guard payload.command == command, payload.remaining == remaining - 1 else { return .violation }
        }
        command = payload.command
        remaining = payload.remaining
        bytes.writeBytes(region[payload.range])
        guard remaining == 0 else { return .incomplete }
        let complete = bytes
        self = FragmentAssembly()
        return .complete(payload.command, complete)
    }
}
