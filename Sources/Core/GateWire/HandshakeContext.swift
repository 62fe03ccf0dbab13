/// What a handshake is for. Part of its prologue, so a hop's handshake can't be replayed as a peer's.
package enum HandshakeContext: UInt8, Sendable, CaseIterable {
    /// Two nodes over a TCP connection.
    case peer = 1
    /// A circuit's origin and one of its hops.
    case hop = 2
    /// A circuit's origin and its destination, inside the circuit.
    case endToEnd = 3
}
