# gnuplot -e "table='FILE.csv'; picture='FILE.png'" bench/adaptive_bitrate.gnuplot
set terminal pngcairo size 1200,820 font "DejaVu Sans,13" background "#ffffff"
set output picture
set datafile separator ","
set border 3 linecolor "#555555"
set tics nomirror out textcolor "#333333"
set grid ytics linecolor "#dddddd" linetype 1
set lmargin 11
set rmargin 10
set key outside top center horizontal samplen 2 font ",13"
set xrange [0:*]
set multiplot

set size 1, 0.56
set origin 0, 0.44
set bmargin 0.6
set tmargin 3
set format x ""
set ylabel "Mbit/s"
set yrange [0:9]
plot table every ::1 using 1:($2/1000) with steps linewidth 2.5 linecolor "#999999" title "link", \
     '' every ::1 using 1:($4/1000) with lines linewidth 1 linecolor "#a6cee3" title "sent", \
     '' every ::1 using 1:($3/1000) with steps linewidth 2.5 linecolor "#1f78b4" title "encoder"

set size 1, 0.44
set origin 0, 0
set bmargin 3.5
set tmargin 2.2
set format x "%g"
set xlabel "seconds"
set ylabel "queue delay, ms"
set yrange [0:1200]
set y2label "dropped, in all"
set y2range [0:*]
set y2tics nomirror
set arrow from graph 0, first 1000 to graph 1, first 1000 nohead dashtype 3 linecolor "#cc0000"
plot table every ::1 using 1:5 with lines linewidth 1.6 linecolor "#e31a1c" title "queue delay", \
     '' every ::1 using 1:7 axes x1y2 with steps linewidth 2 linecolor "#ff9900" title "dropped"
unset multiplot
