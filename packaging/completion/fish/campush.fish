# fish completion of campush: made by tools/cli_docs.py from the definition of the command line; change that, not this file.

function __fish_campush_sessions
    set -l words (commandline -opc)
    set -l config
    if set -l place (contains -i -- --config $words; or contains -i -- -c $words)
        set config --config $words[(math $place + 1)]
    end
    campush urls $config 2>/dev/null | awk 'NR > 1 && NF > 4 { name = $1 "/" $2 "/" $3; if (!seen[name]++) print name }'
end

complete -c campush -f
complete -c campush -n __fish_use_subcommand -a run -d 'Push until told to stop'
complete -c campush -n __fish_use_subcommand -a check -d 'Check the configuration and say what is wrong with it'
complete -c campush -n __fish_use_subcommand -a urls -d 'Print where every stream goes, templates expanded, in order of failover'
complete -c campush -n __fish_use_subcommand -a status -d 'Ask the running agent how its sessions are doing'
complete -c campush -n __fish_use_subcommand -a retry -d 'Tell the running agent to connect again now instead of waiting'
complete -c campush -n __fish_use_subcommand -a devices -d 'List cameras with their formats, sizes, rates and controls, microphones, and encoder plug-ins'
complete -c campush -n __fish_use_subcommand -a demo -d 'Two cameras (four streams) from clips, pushed to embedded servers on loopback, one of which is killed'
complete -c campush -n __fish_use_subcommand -s h -l help -d 'Print this help message and exit'
complete -c campush -n __fish_use_subcommand -l version -d 'Display program version information and exit'
complete -c campush -n '__fish_seen_subcommand_from run' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from run' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from check' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from check' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from check' -l connect -d 'Walk to every address as a session would: DNS, TCP, clock, TLS, handshake, connect, publish; each timed, with a remedy where it fails'
complete -c campush -n '__fish_seen_subcommand_from check' -l no-publish -d 'Stop before publish, which takes the real key for a moment'
complete -c campush -n '__fish_seen_subcommand_from check' -l json -d 'The walk as a JSON array'
complete -c campush -n '__fish_seen_subcommand_from urls' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from urls' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from urls' -l json -d 'One JSON array instead of a table'
complete -c campush -n '__fish_seen_subcommand_from urls' -l show-secrets -d 'Show keys, passwords and queries (hidden otherwise)'
complete -c campush -n '__fish_seen_subcommand_from status' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from status' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from status' -l address -x -d 'Where the agent answers (default: http.listen of the configuration)'
complete -c campush -n '__fish_seen_subcommand_from status' -l token-file -r -F -d 'File with the token (default: http.token_file)'
complete -c campush -n '__fish_seen_subcommand_from status' -l json -d 'The answer of /api/v1/sessions as it is'
complete -c campush -n '__fish_seen_subcommand_from status' -l watch -d 'Again every second until interrupted'
complete -c campush -n '__fish_seen_subcommand_from retry' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from retry' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from retry' -l address -x -d 'Where the agent answers (default: http.listen of the configuration)'
complete -c campush -n '__fish_seen_subcommand_from retry' -l token-file -r -F -d 'File with the token (default: http.token_file)'
complete -c campush -n '__fish_seen_subcommand_from retry' -a '(__fish_campush_sessions)'
complete -c campush -n '__fish_seen_subcommand_from devices' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from devices' -s c -l config -r -F -d 'The configuration (default: /etc/campush/system_config.json, then /opt/ceanic/etc/system_config.json)'
complete -c campush -n '__fish_seen_subcommand_from devices' -l library -r -F -d 'Ask this plug-in instead of those of the configuration'
complete -c campush -n '__fish_seen_subcommand_from devices' -l json -d 'One JSON object instead of text'
complete -c campush -n '__fish_seen_subcommand_from demo' -s h -l help -d 'Print this help message and exit'
complete -c campush -n '__fish_seen_subcommand_from demo' -l once -d 'Show it for 20 s without a person; exit 0 if everything arrived'
complete -c campush -n '__fish_seen_subcommand_from demo' -l seconds -x -d 'How long to show it (default: until interrupted; 20 with --once)'
complete -c campush -n '__fish_seen_subcommand_from demo' -l clips -x -a '(__fish_complete_directories)' -d 'Folder with the clips (default: installed with the program)'
