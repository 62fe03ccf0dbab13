/// How hard client puzzles are: leading zero bits, so each bit more doubles the hashes (article Protocol/Handshake).
package enum PuzzleEffort {
    /// The least that is asked for: about a thousand hashes, which take about as long as an answer takes its responder.
    package static let least: UInt8 = 10
    /// The most that is asked for and solved: about a million hashes, less than a second's work.
    package static let most: UInt8 = 20
}
