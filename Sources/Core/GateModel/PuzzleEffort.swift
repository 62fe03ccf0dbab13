/// How hard client puzzles are: leading zero bits, so each bit more doubles the hashes (article Protocol/Handshake).
package enum PuzzleEffort {
    /// The least that is asked for: some sixteen thousand hashes, more than ten milliseconds' work where a connection that
    /// is answered and left takes the responder two or three.
    package static let least: UInt8 = 14
    /// The most that is asked for and solved: about a million hashes, less than a second's work.
    package static let most: UInt8 = 20
}
