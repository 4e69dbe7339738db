# fish completion of campush-hal-check: made by tools/cli_docs.py from the definition of the command line; change that, not this file.

complete -c campush-hal-check -s h -l help -d 'Print this help message and exit'
complete -c campush-hal-check -l channel -x -d 'Which of its channels'
complete -c campush-hal-check -l audio -d 'A channel of sound instead of video'
complete -c campush-hal-check -l options -x -d 'source.options: the JSON text that open gets'
complete -c campush-hal-check -l device -x -d 'source.device'
complete -c campush-hal-check -l seconds -x -d 'How long units are looked at'
