import GateSession
import GateStore

extension NodeSettingValues {
    /// How records are padded.
    var padding: PaddingPolicy {
        switch self[NodeSettings.paddingPolicy] {
        case .none: return .none
        case .padme: return .padme
        case .fixed: return .fixed(self[NodeSettings.paddingSize])
        case .range:
            let least = self[NodeSettings.paddingMinimum]
            return .range(least...max(least, self[NodeSettings.paddingMaximum]))
        }
    }

    /// What direct sessions send beside what is meant.
    var noise: NoisePolicy {
        let (perMinute, bytes) = (self[NodeSettings.noisePerMinute], self[NodeSettings.noiseSize])
        switch self[NodeSettings.noisePolicy] {
        case .off: return .off
        case .poisson:
            return .poisson(
                PoissonNoise(perMinute: perMinute, bytesMax: bytes, budget: self[NodeSettings.noiseBudget]))
        case .constant: return .constant(ConstantRate(perMinute: perMinute, bytes: bytes))
        }
    }
}
