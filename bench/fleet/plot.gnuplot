# Called by bench/fleet/run with -e "folder='…'; picture='…'".
set datafile separator ','
set terminal pngcairo size 1200,900 font 'sans,10'
set output picture
set multiplot layout 3,1
set logscale y
set yrange [1:40000]
set ylabel 'connects/s'
set grid
set key top right
set style fill transparent solid 0.35 noborder
file = folder.'/fleet_backup.csv'
alone = folder.'/fleet_alone.csv'
shown(column) = column > 0 ? column : NaN
set title 'With a backup: arrivals at the backup. 0 s switched on, 600 s primary lost'
set xrange [595:720]
plot file skip 1 using 1:(shown($3)) with linespoints pt 7 ps 0.6 title 'no manners', \
     file skip 1 using 1:(shown($6)) with linespoints pt 7 ps 0.6 title 'defaults', \
     file skip 1 using 1:(shown($9)) with linespoints pt 7 ps 0.6 title 'splay', \
     file skip 1 using 1:(shown($12)) with linespoints pt 7 ps 0.6 title 'splay and limit'
set title 'With a backup: arrivals at the primary, which is back at 840 s'
set xrange [885:1000]
plot file skip 1 using 1:(shown($2)) with points pt 7 ps 0.6 title 'no manners', \
     file skip 1 using 1:(shown($5)) with points pt 7 ps 0.6 title 'defaults', \
     file skip 1 using 1:(shown($8)) with points pt 7 ps 0.6 title 'splay', \
     file skip 1 using 1:(shown($11)) with points pt 7 ps 0.6 title 'splay and limit'
set title 'One server only: arrivals there; lost at 600 s, back at 720 s'
set xrange [595:800]
set xlabel 's'
plot alone skip 1 using 1:(shown($2)) with points pt 7 ps 0.6 title 'no manners', \
     alone skip 1 using 1:(shown($5)) with points pt 7 ps 0.6 title 'defaults', \
     alone skip 1 using 1:(shown($8)) with points pt 7 ps 0.6 title 'splay', \
     alone skip 1 using 1:(shown($11)) with points pt 7 ps 0.6 title 'splay and limit'
unset multiplot
