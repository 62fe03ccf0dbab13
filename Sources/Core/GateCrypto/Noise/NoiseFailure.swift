/// Why a handshake ended. Nothing of it tells the other side more than that it ended.
package enum NoiseFailure: Error, Equatable {
    /// A message is shorter than its pattern demands.
    case truncated
    /// A message is longer than `NoiseHandshake.messageBytesMax`.
    case oversized
    /// An AEAD tag is wrong: another key, prologue or shared secret, or changed bytes.
    case notAuthentic
    /// A public key is of small order or fails FIPS 203 §7.2, or an encapsulation failed.
    case badKey
    /// A message was written or read out of turn, or after a failure.
    case outOfTurn
    /// No protected memory is left.
    case memory(SecretMemoryFailure)
}
