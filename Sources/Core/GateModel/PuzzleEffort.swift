/// How hard client puzzles are: leading zero bits, so each bit more doubles the hashes (article Protocol/Handshake).
package enum PuzzleEffort {
    /// The least that is asked for: some sixteen thousand hashes, several times the work that an opening makes that is
    /// answered and left.
    package static let least: UInt8 = 14
    /// The most that is asked for and solved: about a million hashes, less than a second's work.
    package static let most: UInt8 = 20
}
