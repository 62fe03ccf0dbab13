/// What a security level decides: values of settings that nobody set one by one.
package enum SecurityLevel {
    /// From the cheapest to the hardest to observe.
    package static let numbers = 1...5

    /// A setting that levels decide, with its value at each of them, from the first on.
    package struct Parameter: Sendable {
        package let setting: SettingDefinition
        package let values: [String]

        fileprivate init<Value>(_ key: SettingKey<Value>, _ values: Value...) {
            precondition(values.count == numbers.count, "a value for each level")
            setting = key.definition
            self.values = values.map(\.settingText)
        }
    }

    /// Everything that levels decide, in the order of the keys. Level 1 has the settings' own defaults.
    package static let parameters = [
        Parameter(NodeSettings.compression, true, true, true, false, false),
        Parameter(
            NodeSettings.flightDelay, .zero, .zero, .milliseconds(40), .milliseconds(100), .milliseconds(250)),
        Parameter(NodeSettings.flightPadding, 512, 1024, 2048, 3072, 4096),
        Parameter(NodeSettings.flightPieces, 1, 1, 3, 5, 8),
        Parameter(NodeSettings.keyVolume, 4 << 30, 4 << 30, 4 << 30, 4 << 30, 1 << 30),
        Parameter(NodeSettings.noiseBudget, 65_536, 65_536, 262_144, 1_048_576, 4_194_304),
        Parameter(NodeSettings.noisePerMinute, 30, 30, 60, 120, 240),
        Parameter(NodeSettings.noisePolicy, .off, .poisson, .poisson, .poisson, .poisson),
        Parameter(NodeSettings.noiseSize, 256, 256, 512, 1024, 2048),
        Parameter(NodeSettings.paddingMaximum, 64, 128, 256, 384, 512),
    ]

    /// By key, the values that a level gives; none at the first, which has the defaults.
    package static func values(at level: Int) -> [String: String] {
        guard numbers.contains(level), level > numbers.lowerBound else { return [:] }
        let index = level - numbers.lowerBound
        return Dictionary(uniqueKeysWithValues: parameters.map { ($0.setting.key, $0.values[index]) })
    }
}
