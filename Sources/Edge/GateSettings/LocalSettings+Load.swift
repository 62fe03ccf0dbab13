internal import Configuration
internal import Foundation
internal import SystemPackage

extension LocalSettings {
    /// Reads the settings file of a node's folder with the environment over it.
    ///
    /// Throws everything that is wrong at once: unknown keys and variables, bad values, missing files.
    ///
    /// - Parameter filesNeeded: Whether the files that the settings name must be there already.
    package static func load(
        directory: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        filesNeeded: Bool = true
    ) async throws(SettingsFaults) -> LocalSettings {
        let directory = absolutePath(directory)
        let file = "\(directory)/\(fileName)"
        guard let yaml = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw SettingsFaults([
                SettingsFault(key: file, reason: "can't be read", example: "quantumgate init \(directory)")
            ])
        }
        return try await load(
            yaml: yaml, directory: directory, environment: environment, filesNeeded: filesNeeded)
    }

    /// Reads `yaml` as if it were the settings file of `directory`.
    package static func load(
        yaml: String, directory: String, environment: [String: String], filesNeeded: Bool
    ) async throws(SettingsFaults) -> LocalSettings {
        let tree = SettingsTree(yaml: yaml)
        var faults = tree.faults + unknownVariables(in: environment)
        var settings = LocalSettings(directory: directory)
        let reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment.filter { isOurs($0.key) })
                .prefixKeys(with: "quantumgate"),
            InMemoryProvider(name: fileName, values: tree.values.reduce(into: [:], insert)),
        ])
        for key in SettingsKey.all {
            guard let value = reader.value(of: key) ?? tree.mapValue(of: key) else { continue }
            do throws(BadValue) {
                try key.apply(value, &settings)
            } catch {
                let name = environment[key.variable] == nil ? key.path : key.variable
                faults.append(SettingsFault(key: name, reason: error.reason, example: key.example))
            }
        }
        if filesNeeded { faults += settings.missingFiles() }
        faults += settings.contradictions()
        guard faults.isEmpty else { throw SettingsFaults(faults) }
        return settings
    }

    private func missingFiles() -> [SettingsFault] {
        let files = [
            ("database.vaultKeyFile", vaultKeyPath, "quantumgate init makes it; restore it from your backup"),
            ("peers.sharedSecretFile", sharedSecretPath, "a file that all nodes of the network have"),
        ]
        let named =
            files
            + extenders.sorted { $0.key < $1.key }.map {
                ("extenders.\($0.key)", absolute($0.value), "/usr/local/bin/my-\($0.key)")
            }
        return named.compactMap { key, path, hint in
            guard let path, !FileManager.default.isReadableFile(atPath: path) else { return nil }
            return SettingsFault(
                key: key, reason: "there is no readable file \(path)", example: hint)
        }
    }

    private func contradictions() -> [SettingsFault] {
        guard !peers.listen.isEmpty else {
            return [SettingsFault(key: "peers.listen", reason: "is empty", example: "[\"[::]:7700\"]")]
        }
        return []
    }
}

/// Variables that name no setting but belong to us.
private let otherVariables: Set<String> = ["QUANTUMGATE_DIR"]

private func isOurs(_ variable: String) -> Bool {
    variable.hasPrefix("QUANTUMGATE_") && !otherVariables.contains(variable)
}

private func unknownVariables(in environment: [String: String]) -> [SettingsFault] {
    let known = Set(SettingsKey.all.filter { !isMap($0) }.map(\.variable))
    return environment.keys.filter { isOurs($0) && !known.contains($0) }.sorted().map { name in
        let path = name.dropFirst("QUANTUMGATE_".count).lowercased().replacing("_", with: ".")
        let near = nearestKey(to: path).flatMap { isMap($0) ? nil : $0 }
        return SettingsFault(
            key: name, reason: "is no setting" + (near.map { "; did you mean \($0.variable)?" } ?? ""),
            example: near.map { "\($0.variable)=\($0.example)" } ?? "quantumgate config explain")
    }
}

private func isMap(_ key: SettingsKey) -> Bool {
    switch key.shape {
    case .scalar, .list: false
    case .map: true
    }
}

private func absolutePath(_ path: String) -> String {
    let path = path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    return FilePath(path).lexicallyNormalized().string
}

private func insert(
    _ values: inout [AbsoluteConfigKey: ConfigValue], _ entry: (key: String, value: SettingsKey.Value)
) {
    let key = AbsoluteConfigKey(entry.key.split(separator: ".").map(String.init))
    switch entry.value {
    case .scalar(let text): values[key] = ConfigValue(.string(text), isSecret: false)
    case .list(let texts): values[key] = ConfigValue(.stringArray(texts), isSecret: false)
    case .map: break
    }
}

extension ConfigReader {
    /// The first provider's value of that key.
    fileprivate func value(of key: SettingsKey) -> SettingsKey.Value? {
        let name = ConfigKey(key.path.split(separator: ".").map(String.init))
        switch key.shape {
        case .scalar: return string(forKey: name).map { .scalar($0) }
        case .list:
            return stringArray(forKey: name).map { texts in
                .list(texts.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty })
            }
        case .map: return nil
        }
    }
}

extension SettingsTree {
    fileprivate func mapValue(of key: SettingsKey) -> SettingsKey.Value? { isMap(key) ? values[key.path] : nil }
}
