internal import Yams

/// The keys of a settings file as they are written, each with its value's shape and line; finds what no key knows.
struct SettingsTree {
    /// Values of known keys, by path.
    var values: [String: SettingsKey.Value] = [:]
    var faults: [SettingsFault] = []

    /// The largest settings file that is read.
    static let bytesMax = 1 << 20
    /// So many repeated keys are told; what is behind more of them is not looked at.
    static let repeatsMax = 32

    init(yaml: String) {
        guard yaml.utf8.count <= SettingsTree.bytesMax else {
            faults.append(
                SettingsFault(
                    key: LocalSettings.fileName, reason: "is larger than 1 MiB", example: "quantumgate config explain"))
            return
        }
        var yaml = yaml
        for _ in 0..<SettingsTree.repeatsMax {
            guard let rest = readWhole(yaml) else { return }
            yaml = rest
        }
    }

    /// Reads the whole file. Where a key stands twice: tells that, reads the second one, and gives the file without it.
    private mutating func readWhole(_ yaml: String) -> String? {
        do {
            guard let node = try Yams.compose(yaml: yaml) else { return nil }
            if let scalar = node.scalar, scalar.string.isEmpty || scalar.string == "null" { return nil }
            guard let mapping = node.mapping else {
                faults.append(
                    SettingsFault(
                        key: LocalSettings.fileName, reason: "holds no keys",
                        example: "peers:\n  listen: [\"[::]:7700\"]"))
                return nil
            }
            read(mapping, under: "")
        } catch YamlError.duplicatedKeysInMapping(let names, let context) {
            return readRepeat(of: names.first ?? "?", at: context.mark, in: yaml)
        } catch {
            faults.append(
                SettingsFault(
                    key: LocalSettings.fileName, reason: "is no YAML: \(error)",
                    example: "peers:\n  listen: [\"[::]:7700\"]"))
        }
        return nil
    }

    private mutating func readRepeat(of name: String, at mark: Mark, in yaml: String) -> String? {
        guard let found = SettingsRepeat(of: name, line: mark.line, column: mark.column, in: yaml) else {
            faults.append(
                SettingsFault(
                    key: name, reason: "is there twice in line \(mark.line); nothing else was looked at",
                    example: "one \(name), and all below it"))
            return nil
        }
        let path = found.parent.isEmpty ? name : "\(found.parent).\(name)"
        faults.append(SettingsFault(key: path, reason: "is there twice", example: "one \(path), and all below it"))
        let isSection = found.parent.isEmpty || SettingsKey.all.contains { $0.path.hasPrefix(found.parent + ".") }
        if isSection, let mapping = (try? Yams.compose(yaml: found.block))?.mapping {
            read(mapping, under: found.parent)
        }
        return found.rest
    }

    private mutating func read(_ mapping: Node.Mapping, under parent: String) {
        var seen: Set<String> = []
        for (name, node) in mapping {
            let name = name.string ?? "?"
            let path = parent.isEmpty ? name : "\(parent).\(name)"
            if !seen.insert(path).inserted {
                faults.append(
                    SettingsFault(key: path, reason: "is there twice", example: "one \(path), and all below it"))
            }
            if let key = SettingsKey.all.first(where: { $0.path == path }) {
                readValue(node, of: key)
            } else if SettingsKey.all.contains(where: { $0.path.hasPrefix(path + ".") }) {
                if let section = node.mapping {
                    read(section, under: path)
                } else if node.scalar?.string.isEmpty != true {
                    let found = node.scalar == nil ? "a list" : "a value"
                    faults.append(
                        SettingsFault(
                            key: path, reason: "is a section with keys of its own, not \(found)",
                            example: example(ofSection: path)))
                }
            } else {
                let near = nearestKey(to: path)
                faults.append(
                    SettingsFault(
                        key: path, reason: "is no key" + (near.map { "; did you mean \($0.path)?" } ?? ""),
                        example: near.map { "\($0.path): \($0.example)" } ?? "quantumgate config explain"))
            }
        }
    }

    /// A section as it is written, with its first key.
    private func example(ofSection path: String) -> String {
        let key = SettingsKey.all.first { $0.path.hasPrefix(path + ".") }
        return key.map { "\(path): { \($0.path.dropFirst(path.count + 1)): \($0.example) }" } ?? path
    }

    private mutating func readValue(_ node: Node, of key: SettingsKey) {
        switch key.shape {
        case .scalar:
            if let scalar = node.scalar { return values[key.path] = .scalar(scalar.string) }
            faults.append(SettingsFault(key: key.path, reason: "takes one value", example: key.example))
        case .list:
            let items = node.sequence.map { Array($0) } ?? []
            let texts = items.compactMap { $0.scalar?.string }
            if node.sequence != nil, texts.count == items.count { return values[key.path] = .list(texts) }
            faults.append(SettingsFault(key: key.path, reason: "takes a list of values", example: key.example))
        case .map:
            let pairs = node.mapping.map { Array($0) } ?? []
            let texts = pairs.compactMap { pair in
                pair.key.string.flatMap { name in pair.value.scalar.map { (name, $0.string) } }
            }
            if node.mapping != nil, texts.count == pairs.count {
                return values[key.path] = .map(Dictionary(texts) { $1 })
            }
            faults.append(
                SettingsFault(key: key.path, reason: "takes names, each with one value", example: key.example))
        }
    }
}

/// The key that is most like `path`, where one is alike enough to be meant.
func nearestKey(to path: String) -> SettingsKey? {
    let ranked = SettingsKey.all.map { (key: $0, distance: editDistance(path.lowercased(), $0.path.lowercased())) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(2, path.count / 3) else {
        let last = path.split(separator: ".").last.map(String.init)
        return SettingsKey.all.first { $0.path.split(separator: ".").last.map(String.init) == last }
    }
    return best.key
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8)
    var row = Array(0...right.count)
    for (i, byte) in left.utf8.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (byte == other ? 0 : 1))
            diagonal = above
        }
    }
    return row[right.count]
}
