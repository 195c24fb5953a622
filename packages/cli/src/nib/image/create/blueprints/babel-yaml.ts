/** The blueprint of `babel.yaml` (nib-and-images §2.3). `%name%` is filled in. */
export const babelYaml = `# What this image is: its versions, variants, requirements and the knobs its users can turn.
# This file stays with you: it is not part of the container. "nib image push" sends it to the platform.
# Check it as often as you like: nib image check --lint-only

# Semantic version of the image, shared by all variants. Raise the last part for a fix, the middle part for something
# new, the first part when nodes cannot simply be upgraded. Pushing a higher version with the same first part
# upgrades every node that has automatic upgrades switched on.
version: 0.0.1

# Where hosts get the container from. While developing: the image in your local Docker daemon, as
# "docker build -t %variant_key% ." or "nib image build" leave it there. Before "nib image push": a registry, by convention
# docker://REGISTRY/ORG/%protocol_key%-%variant_key%:VERSION
container_uri: docker-daemon://%variant_key%:latest

# The protocol this image belongs to. It has to exist already: list it in protocols.yaml and run "nib protocol push".
# Keys are made of a-z, 0-9 and "-".
protocol_key: %protocol_key%

# Optional. UUID of the organisation that owns the image; null: it belongs to everybody.
org_id: null

# Optional. One sentence about the image.
description: %protocol_key%, %variant_key%

# Optional. Scheme of the URL under which users reach a node's endpoint, for example https or wss.
dns_scheme: https

# Who sees the image: "public" everybody, "private" administrators only, "development" those who may see unfinished
# work. Choose one of the latter two until you are done.
visibility: public

# What may reach a node, and what a node may reach. A variant can have its own (see below).
firewall_config: &firewall
  # For traffic that no rule is about: allow, deny (dropped silently) or reject (answered with an error).
  default_in: deny
  default_out: allow
  # "&rules" names the list, "&rpc-rule" one rule of it: "*rpc-rule" somewhere below stands for the same rule again.
  rules: &rules
    - &rpc-rule
      # Unique among the rules.
      key: rpc
      # Optional.
      description: JSON-RPC of the node
      # tcp, udp or both.
      protocol: tcp
      # in or out.
      direction: in
      # allow, deny or reject.
      action: allow
      # Optional, [] is everybody. Addresses or networks in CIDR notation.
      ips:
        - ip: 10.0.0.0/8
          # Optional.
          name: internal
      # Port by port. An empty list opens (or closes) all ports.
      ports:
        - port: 8545
          # Optional.
          name: http
        - port: 8546
          name: websocket

# What users can choose when they create a node. The plugin reads a value with node_params()["KEY"]; it is always a text.
# With no properties at all write: properties: []
properties: &properties
  - &block-interval
    # Unique, a-z, 0-9 and "-", three characters at least.
    key: block-interval-secs
    # What users see.
    name: Seconds between blocks
    # Optional.
    description: How long the node waits before it makes the next block
    # true: may be changed while the node exists; false: only when it is created.
    dynamic_value: true
    # Used when the user gives none.
    default_value: 2
    # A free text; !password is the same with masked input. What follows the tag is what choosing this costs; all four
    # are optional and the numbers may be negative:
    ui_type: !text
      # This value needs other protocol data than the default (see archive_pointers).
      new_archive: false
      add_cpu: 0
      add_memory_mb: 0
      add_disk_gb: 0
  - &verbose-log
    key: verbose-log
    name: Verbose log
    description: Log every block
    dynamic_value: true
    # A switch is on or off.
    default_value: off
    ui_type: !switch
      # What each side costs; null: nothing.
      on:
        add_disk_gb: 1
      off: null
  - &history
    key: history
    name: History
    description: How much of the chain the node keeps
    dynamic_value: false
    # One of the values below.
    default_value: full
    ui_type: !enum
      - &history-full
        value: full
        name: Everything
      - value: recent
        name: Recent blocks
      - value: pruned
        name: Pruned
        # Nodes with this value start from another snapshot: it has its own entry in archive_pointers.
        impact:
          new_archive: true
          add_memory_mb: 100

# One file can describe several networks, clients or node types. They share the container and the plugin, which
# tells them apart by node_env().node_variant.
variants:
  - key: %variant_key%
    # Optional. How the web console groups images; it knows these three keys. Without them they are read from the
    # variant key, from the right, at the dashes: CLIENT-NETWORK-TYPE (CLIENT may have dashes of its own, the other
    # two may not, so name them here when that guess is wrong). Frozen per version: raise "version" to change it.
    metadata:
      - key: client
        value: %client%
      - key: network
        value: %network%
      - key: node-type
        value: %node_type%
        # Optional.
        description: What kind of node this is

    # Billing code in three upper-case parts: chain and client, node type, network type.
    sku_code: %sku_code%

    # Which protocol data a node starts from. A store key names a data set; nodes with the same key share it. When the
    # data format changes so that old data cannot be used any more, raise the number at its end. Needed: one entry
    # for every combination of property values with new_archive: true, the empty one included; a value is named by
    # PROPERTY-VALUE. Combinations that make no sense get "pointer: !combination_disallowed".
    # Leave the whole list out when services in main.rhai have store keys of their own.
    archive_pointers:
      - pointer: !store_key %protocol_key%-%variant_key%-v1
      - pointer: !store_key %protocol_key%-%variant_key%-pruned-v1
        new_archive_properties: [history-pruned]

    # What a node needs at least: cores, MB (1000 * 1000 bytes), GB (1000 * 1000 * 1000 bytes).
    min_cpu: 1
    min_memory_mb: 1000
    min_disk_gb: 2

    # Optional. File systems in memory, for data that need not survive a restart.
    ramdisks:
      - mount: /var/cache/%protocol_key%
        size_mb: 16

    # Optional overrides of what stands above. Each replaces the value above completely, nothing is merged; "*name"
    # stands for what "&name" marked.
    description: %protocol_key% for %network%
    dns_scheme: https
    visibility: public
    firewall_config:
      default_in: deny
      default_out: allow
      rules:
        - *rpc-rule
    properties:
      - *block-interval
      - *verbose-log
      - *history
`;
