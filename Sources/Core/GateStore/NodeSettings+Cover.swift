/// Settings of what hides traffic: the security level, padding and noise (article Protocol/CoverTraffic).
extension NodeSettings {
    package static let securityLevel = SettingKey(
        "security.level", 1, in: SecurityLevel.numbers,
        "How much the node pays for being hard to observe: what settings have that nobody set one by one (`settings levels`)."
    )

    package static let flightPadding = SettingKey(
        "handshake.padding-maximum", 512, in: 0...8192,
        "The most padding of a handshake's flight, in bytes. Each flight gets a random amount up to it.")
    package static let flightDelay = SettingKey(
        "handshake.delay-maximum", .zero, in: .zero...Duration.seconds(2),
        "How long a flight of a direct handshake may wait before it has left. Each waits a random time up to it, and no longer than an eighth of the time that its handshake has left."
    )
    package static let flightPieces = SettingKey(
        "handshake.pieces-maximum", 1, in: 1...16,
        "The most pieces in which a flight leaves that waits: a random number from 2 on, of random lengths, each at a moment of its own. 1: flights leave whole."
    )
    package static let paddingPolicy = SettingKey<PaddingChoice>(
        "padding.policy", .range, "How much padding a record gets, so that its length tells less of what it holds.")
    package static let paddingMinimum = SettingKey(
        "padding.minimum", 0, in: 0...4096, "The least padding of a record under the policy range, in bytes.")
    package static let paddingMaximum = SettingKey(
        "padding.maximum", 64, in: 0...4096,
        "The most padding of a record under the policy range, in bytes. Each record gets a random amount between both.")
    package static let paddingSize = SettingKey(
        "padding.size", 1024, in: 64...16_384,
        "Under the policy fixed a record's plaintext has a multiple of so many bytes.")
    package static let noisePolicy = SettingKey<NoiseChoice>(
        "noise.policy", .off,
        "What direct sessions send that means nothing: at random moments, or all of it at a constant rate.")
    package static let noisePerMinute = SettingKey(
        "noise.per-minute", 30, in: 1...60_000,
        "Noise of a session in a minute: the most under the policy poisson, half of it on average; all records under constant."
    )
    package static let noiseSize = SettingKey(
        "noise.size", 256, in: 1...65_518,
        "The most bytes of one piece of noise; under the policy constant the plaintext of each record, 8,704 at least.")
    package static let noiseBudget = SettingKey(
        "noise.budget", 65_536, in: 1...1_073_741_824,
        "Bytes of padding and noise of a session in a minute after which the policy poisson makes no more noise.")

    package static let compression = SettingKey(
        "compression.enabled", true,
        "Whether extenders' messages are compressed where the extender allows it. A length then tells something of what was said."
    )
    package static let compressionMinimum = SettingKey(
        "compression.minimum", 512, in: 64...1_048_576, "The shortest message that is compressed, in bytes.")

    static let cover = [
        securityLevel.definition, compression.definition, compressionMinimum.definition, flightPadding.definition,
        flightDelay.definition, flightPieces.definition, paddingPolicy.definition, paddingMinimum.definition,
        paddingMaximum.definition, paddingSize.definition, noisePolicy.definition, noisePerMinute.definition,
        noiseSize.definition, noiseBudget.definition,
    ]
}

/// Which padding records get.
package enum PaddingChoice: String, SettingChoice {
    /// None.
    case none
    /// Random amounts between two bounds.
    case range
    /// Up to a length with few significant bits, 12 % at most.
    case padme
    /// Up to the next multiple of a size.
    case fixed
}

/// Which noise direct sessions make.
package enum NoiseChoice: String, SettingChoice {
    /// None.
    case off
    /// At random moments.
    case poisson
    /// Records of one size at even moments, and nothing between them.
    case constant
}
